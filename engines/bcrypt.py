"""bcrypt hashes, as Prometheus and Alertmanager want them of a password.

Whoever runs the stack has Python and nothing more, and Python has no bcrypt. Written from Provos
and Mazières, "A Future-Adaptable Password Scheme" (1999); ``tests/engines/test_secrets.py``
compares with published hashes, and the engines themselves check what is made here.

Meant for passwords of `engines.secrets` only, which nobody can guess: at the lowest cost, a
hundredth of a second of a server's time, and half a second here.
"""

from __future__ import annotations

from functools import cache
from typing import Final

COST: Final = 4
_ALPHABET: Final = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_MAGIC: Final = b"OrpheanBeholderScryDoubt"
_SALT_BYTES: Final = 16
_MASK: Final = 0xFFFFFFFF
_ROUNDS: Final = 16
_P_WORDS: Final = _ROUNDS + 2
_S_WORDS: Final = 4 * 256


@cache
def _pi() -> tuple[int, ...]:
    """Return the words that Blowfish begins with: the digits of pi after the point."""
    bits = 32 * (_P_WORDS + _S_WORDS)
    one = 1 << (bits + 64)

    def arctan_of_inverse(x: int) -> int:
        power = total = one // x
        sign, divisor = -1, 3
        while power:
            power //= x * x
            total += sign * (power // divisor)
            sign, divisor = -sign, divisor + 2
        return total

    digits = (4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) - 3 * one) >> 64
    return tuple((digits >> shift) & _MASK for shift in range(bits - 32, -1, -32))


class _Blowfish:
    def __init__(self) -> None:
        words = _pi()
        self.p = list(words[:_P_WORDS])
        self.s = list(words[_P_WORDS:])

    def encrypt(self, left: int, right: int) -> tuple[int, int]:
        p, s = self.p, self.s
        for i in range(0, _ROUNDS, 2):
            left ^= p[i]
            mixed = s[left >> 24] + s[256 + (left >> 16 & 255)] & _MASK
            right ^= (mixed ^ s[512 + (left >> 8 & 255)]) + s[768 + (left & 255)] & _MASK
            right ^= p[i + 1]
            mixed = s[right >> 24] + s[256 + (right >> 16 & 255)] & _MASK
            left ^= (mixed ^ s[512 + (right >> 8 & 255)]) + s[768 + (right & 255)] & _MASK
        return right ^ p[_ROUNDS + 1], left ^ p[_ROUNDS]

    def expand(self, key: tuple[int, ...], salt: tuple[int, ...] = (0, 0, 0, 0)) -> None:
        """Mix a key of 18 words, and a salt of four, into the state."""
        self.p = [word ^ key[i] for i, word in enumerate(self.p)]
        left = right = at = 0
        for words in (self.p, self.s):
            for i in range(0, len(words), 2):
                left, right = self.encrypt(left ^ salt[at], right ^ salt[at + 1])
                words[i], words[i + 1] = left, right
                at ^= 2


def _words(data: bytes, count: int) -> tuple[int, ...]:
    """Return words of data that begins again where it ends."""
    repeated = data * (4 * count // len(data) + 1)
    return tuple(int.from_bytes(repeated[4 * i : 4 * i + 4], "big") for i in range(count))


def _encode(data: bytes) -> str:
    letters = bytearray()
    for i in range(0, len(data), 3):
        part = data[i : i + 3]
        value = int.from_bytes(part.ljust(3, b"\0"), "big")
        letters += bytes(_ALPHABET[value >> shift & 63] for shift in (18, 12, 6, 0))[
            : len(part) + 1
        ]
    return letters.decode()


def hashed(password: str, salt: bytes, cost: int = COST) -> str:
    """Return the hash of a password, ``$2b$…``, 60 characters.

    Args:
        password: 1 to 72 bytes as UTF-8; the format ignores what is longer, so it is refused.
        salt: 16 bytes.
        cost: The logarithm of the rounds, 4 to 31; 4 takes half a second.

    Raises:
        ValueError: If the password, the salt or the cost is of another size.
    """
    key = password.encode()
    if not 0 < len(key) <= 72 or b"\0" in key:
        raise ValueError("a password for bcrypt has 1 to 72 bytes, none of them zero")
    if len(salt) != _SALT_BYTES or not 4 <= cost <= 31:
        raise ValueError("bcrypt takes a salt of 16 bytes and a cost of 4 to 31")
    key_words, salt_words = _words(key + b"\0", _P_WORDS), _words(salt, 4)
    salt_key = _words(salt, _P_WORDS)
    state = _Blowfish()
    state.expand(key_words, salt_words)
    for _ in range(1 << cost):
        state.expand(key_words)
        state.expand(salt_key)
    text = list(_words(_MAGIC, 6))
    for i in range(0, 6, 2):
        for _ in range(64):
            text[i], text[i + 1] = state.encrypt(text[i], text[i + 1])
    raw = b"".join(word.to_bytes(4, "big") for word in text)[:23]
    return f"$2b${cost:02d}${_encode(salt)}{_encode(raw)}"
