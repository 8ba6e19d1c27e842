"""The security area: what is declared, what the engine made of it, and what an attacker would find."""
