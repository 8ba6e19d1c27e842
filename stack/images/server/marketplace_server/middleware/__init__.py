"""What happens to every request: plain ASGI, because each layer is paid for at a thousand requests a second."""
