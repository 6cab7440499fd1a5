"""GTP: protocol, client and server."""
