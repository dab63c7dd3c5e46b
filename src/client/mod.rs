//! The terminal commands: HTTP to a running server.
