"""Small applications of different kinds, as teams with NestJS gateways would port them."""
