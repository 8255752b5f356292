"""Who may do what: roles, tokens, the pages' and sockets' way from a request to a membership."""
