from tests.workspaces import members, workspace

__all__ = ["members", "workspace"]
