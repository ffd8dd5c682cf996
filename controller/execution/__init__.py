"""Making decisions real: routes, legs, exits."""
