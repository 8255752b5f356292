"""Programs: JSON ones, registered ones, and the one that is shipped."""

from optimization.programs.build import JsonProgram, build_program
from optimization.programs.digest import program_digest
from optimization.programs.registry import (
    RegisteredProgram,
    get_program,
    register_program,
    registered_programs,
)
from optimization.programs.spec import ParameterSpec, ProgramError, ProgramSpec, check_program, read_program
from optimization.programs.support_reply import SupportReply

__all__ = [
    "JsonProgram",
    "ParameterSpec",
    "ProgramError",
    "ProgramSpec",
    "RegisteredProgram",
    "SupportReply",
    "build_program",
    "check_program",
    "get_program",
    "program_digest",
    "read_program",
    "register_program",
    "registered_programs",
]
