"""`manage.py dataset_import NAME FILE`: a JSONL file becomes a version of a dataset, or every bad row is named."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimization.catalog.datasets import dataset_import
from optimization.catalog.errors import DatasetRefused
from optimization.management.workspaces import workspace_named


class Command(BaseCommand):
    help = "Import a JSONL file as a new version of a dataset; nothing is imported if a row is bad."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the dataset's name, such as support-tickets")
        parser.add_argument("file", help="a JSONL file; - reads standard input")
        parser.add_argument("--workspace", help="its slug; may be left out where there is one workspace")
        parser.add_argument("--seed", type=int, default=0, help="shuffles rows that name no split")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        try:
            with sys.stdin.buffer if options["file"] == "-" else open(options["file"], "rb") as lines:
                version = dataset_import(
                    workspace=workspace, name=options["name"], lines=lines, seed=options["seed"]
                )
        except OSError as error:
            raise CommandError(f"Cannot read {options['file']}: {error.strerror}.") from error
        except DatasetRefused as error:
            for row in error.rows:
                self.stderr.write(str(row))
            raise CommandError(str(error)) from error
        sizes = ", ".join(f"{count} {split}" for split, count in version.sizes.items() if count)
        self.stdout.write(f"{version}: {sizes} rows in {workspace}.")
