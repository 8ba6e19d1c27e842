"""x"""
def render(card: object) -> str:
    return ""
