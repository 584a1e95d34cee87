"""The parity kit: one application in NestJS and here, and scripts whose transcripts are equal."""
