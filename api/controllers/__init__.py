"""One file per resource. Thin: who may, what was sent, which service, what is answered."""
