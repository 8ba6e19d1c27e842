"""Checks a Monero address by its own checksum, because a typing mistake found at the payout is found too late.

Pure arithmetic and no wallet's opinion: an order is taken while the wallets are busy too. Format: monero's
src/cryptonote_basic/cryptonote_basic_impl.cpp; base58 in blocks of 8 bytes: src/common/base58.cpp.
"""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_STANDARD, _SUBADDRESS = 18, 42
"""Prefixes of the main network, which a private (regtest) chain shares. An integrated address (19) is not taken: its
payment id would be one more thing to compare before signing."""
LENGTH = 95
"""Characters of an address."""
_BLOCK, _LAST_BLOCK, _LAST_BYTES = 11, 7, 5
_CHECKSUM = 4

_ROUNDS = 24
_RATE = 136
_MASK = (1 << 64) - 1


def is_address(text: str) -> bool:
    """Say whether money can be sent to `text`: a standard address or a subaddress, with a right checksum."""
    if len(text) != LENGTH:
        return False
    raw = _decoded(text)
    if raw is None or raw[0] not in {_STANDARD, _SUBADDRESS}:
        return False
    return keccak_256(raw[:-_CHECKSUM])[:_CHECKSUM] == raw[-_CHECKSUM:]


def _decoded(text: str) -> bytes | None:
    raw = bytearray()
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        number = 0
        for character in block:
            digit = _ALPHABET.find(character)
            if digit < 0:
                return None
            number = number * 58 + digit
        size = 8 if len(block) == _BLOCK else _LAST_BYTES
        if number >> (8 * size):
            return None
        raw += number.to_bytes(size, "big")
    return bytes(raw)


def keccak_256(data: bytes) -> bytes:
    """Hash with Keccak as it was before it became SHA-3: the padding differs, so hashlib's sha3_256 is another function."""
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        for number in range(_RATE // 8):
            at = start + 8 * number
            lanes[number % 5][number // 5] ^= int.from_bytes(padded[at : at + 8], "little")
        _permute(lanes)
    return b"".join(lanes[x][0].to_bytes(8, "little") for x in range(4))


def _permute(a: list[list[int]]) -> None:
    """Keccak-f[1600], FIPS 202 section 3."""
    register = 1
    for _ in range(_ROUNDS):
        parity = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        for x in range(5):
            change = parity[(x + 4) % 5] ^ _rotated(parity[(x + 1) % 5], 1)
            a[x] = [lane ^ change for lane in a[x]]
        x, y, current = 1, 0, a[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, a[x][y] = a[x][y], _rotated(current, (step + 1) * (step + 2) // 2 % 64)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _MASK)
        for bit in range(7):
            register = ((register << 1) ^ ((register >> 7) * 0x71)) % 256
            if register & 2:
                a[0][0] ^= 1 << ((1 << bit) - 1)


def _rotated(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _MASK if by else lane
