"""What the terminal shows once the address answers: where Handgrad is, and how to sign in."""

from __future__ import annotations

from optimization.accounts.bootstrap import SignIn


def welcome(address: str, sign_ins: list[SignIn], data: str) -> str:
    return "\n".join(
        [
            f"\nHandgrad is at  {address}\n",
            sign_in_table(sign_ins),
            f"Data folder:     {data}",
            "Ctrl-C stops everything.\n",
        ]
    )


def sign_in_table(sign_ins: list[SignIn]) -> str:
    """A line for each role. A password is shown by the start that made it, and never again."""
    width = max((len(sign_in.username) for sign_in in sign_ins), default=0)
    lines = ["Sign in as"]
    for sign_in in sign_ins:
        role = f"  ({sign_in.role})" if sign_in.role != sign_in.username else ""
        lines.append(f"    {sign_in.username:<{width}}  {sign_in.password or 'password as before'}{role}")
    if any(sign_in.password for sign_in in sign_ins):
        lines += ["", "The passwords are shown this once: note them now."]
    else:
        lines += ["", "A new password:  .venv/bin/python manage.py changepassword NAME"]
    return "\n".join(lines)
