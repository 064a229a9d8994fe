"""A crowd of people for measuring who is recognised: families, twins, juniors, and what they share, from a seed.

Any household can be made by its number alone, so that millions need not be kept to know the truth about a few.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Final

from tillbridge.simulate.directory import check_digit

FIRST: Final = tuple(
    "Ada Abel Aisha Akira Alba Alice Amir Ana Andre Anna Anton Asha Ava Beatriz Ben Bilal Bram Carla Carlos Chen "
    "Chloe Clara Dalia Dan Dara David Diego Dina Elena Elif Elin Emil Emma Erik Esra Eva Farah Felix Fiona Franz "
    "Gita Grace Greta Hana Hanna Hans Hugo Ida Ilan Ines Ingrid Iris Ivan Jana Jean Jin Joan Joel John Jon Jonas "
    "Jorge Jose Juan Julia Julian Kai Karim Karl Katya Kim Kofi Lana Lars Lea Lena Leo Lila Lin Lucas Lucia Luis "
    "Maria Marie Mario Mark Marta Maya Mei Mia Mina Mira Nadia Naomi Nico Nina Noah Nora Olga Omar Oscar Otto "
    "Paul Pia Priya Quinn Rafael Ravi Rosa Ruth Sam Sara Sean Sofia Stefan Sven Tara Theo Tim Tom Uma Umar Vera "
    "Viktor Wes Yara Yuki Yusuf Zane Zara Zoe".split()
)
_BEGIN: Final = tuple(
    "Aber Alba Ander Bal Bar Bell Ber Bjor Brad Bren Cal Car Castel Chan Col Cor Dal Dav Del Dun El Esp Fair Fer "
    "Fin Gal Gar Gold Gran Hal Har Hart Hoff Hol Jan Kel Kov Lam Lind Lom Mac Mar Mel Mont Mor Nord Ol Pal Pet "
    "Ram Ros Sal San Sil Sten Tal Tor Val Van Ver Wal West Win Zim".split()
)
_END: Final = tuple(
    "aro berg bury by cott court dahl dez don dorf er ero escu ey field ford gate ham hart hoff house ic in ini "
    "ino ist kin ko land ler ley lin lund man mann mer mond mont more nau ner nik off on one ova per quist ren "
    "ris ro sen ski son stad stein stone ström ton tov vale ville wald ward well wick wood worth".split()
)
_ROADS: Final = tuple("Street Avenue Road Lane Drive Court Place Boulevard Way Terrace".split())
_HOSTS: Final = (
    "example.com",
    "example.net",
    "example.org",
    "mail.example.com",
    "post.example.org",
    "inbox.example.net",
)
_AREAS: Final = tuple(
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 "
    "252 253 254 256 260 262 267 269 270 272 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 "
    "318 319 320 321 323 325 330 331 334 336 337 339 346 347 351 352 360 361 386 401 402 404 405 406 407 408 409 "
    "410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 443 458 469 470 475 478 479 480 484 501 502 503 "
    "504 505 507 508 509 510 512 513".split()
)

ALONE: Final = 0.6
"""The share of households of one person; the others have two to five."""

HANDED_ON: Final = 53
"""In every so-manieth household the first person's phone is handed on to the first person of the next one."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person with an online account. `birth_date` is ISO 8601; the phone is E.164."""

    account_id: str
    name: str
    street: str
    city: str
    postcode: str
    birth_date: str
    email: str
    phone: str
    loyalty_id: str
    email_verified: bool
    phone_verified: bool


class Crowd:
    """Households by number, each the same whenever it is made."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def people(self, households: int) -> Iterator[Person]:
        """Everybody of so many households."""
        for number in range(households):
            yield from self.household(number)

    def household(self, number: int) -> tuple[Person, ...]:
        """The people of one household. A phone and an e-mail may be the family's; there may be twins, and a junior who
        has the parent's name."""
        chance = Random(self._seed * 1_000_003 + number)
        size = 1 if chance.random() < ALONE else chance.randint(2, 5)
        last = chance.choice(_BEGIN) + chance.choice(_END)
        home = _home(chance)
        people = [self._person(chance, number, place, last, home) for place in range(size)]
        if size == 1:
            return tuple(people)
        if chance.random() < 0.10:
            people[1] = replace(people[1], birth_date=people[0].birth_date)
        if size > 2 and chance.random() < 0.15:
            people[2] = replace(people[2], name=people[0].name)
        if chance.random() < 0.5:
            # Mostly one of them proved it, sometimes more than one did, or nobody.
            proved = [place == 0 and chance.random() < 0.75 for place in range(size)]
            proved[1] = proved[1] or chance.random() < 0.1
            people = [
                replace(one, phone=people[0].phone, phone_verified=proved[place]) for place, one in enumerate(people)
            ]
        if chance.random() < 0.2:
            shared = replace(people[1], email=people[0].email, email_verified=chance.random() < 0.1)
            people[1] = shared
        return tuple(people)

    def gives_on(self, number: int) -> bool:
        """Whether the phone of this household's first person is handed on to the next one's."""
        return number % HANDED_ON == 0

    def _person(self, chance: Random, number: int, place: int, last: str, home: tuple[str, str, str]) -> Person:
        first = chance.choice(FIRST)
        plain = last.encode("ascii", "ignore").decode()
        local = chance.choice(("{f}.{l}{n}", "{f}{l}{n}", "{i}{l}{n}", "{l}.{f}{n}", "{f}_{l}{n}"))
        number_in_name = chance.choice(("", str(chance.randint(1, 99)), str(chance.randint(100, 99_999))))
        digits = f"88{number:08}{place}"
        return Person(
            account_id=f"C{number:07}{place}",
            name=f"{first} {last}",
            street=home[0],
            city=home[1],
            postcode=home[2],
            birth_date=(date(1940, 1, 1) + timedelta(days=chance.randrange(24_000))).isoformat(),
            # Whoever finds the address taken adds digits: no two people have one, but for a family's.
            email=(local.format(f=first, l=plain, i=first[0], n=number_in_name) + f".{number}{place}").lower()
            + f"@{chance.choice(_HOSTS)}",
            phone=f"+1{chance.choice(_AREAS)}{100 * chance.randint(2, 9) + chance.randint(20, 99)}"
            f"{chance.randrange(10_000):04}",
            loyalty_id=digits + check_digit(digits) if chance.random() < 0.5 else "",
            email_verified=chance.random() < 0.9,
            phone_verified=chance.random() < 0.6,
        )


def _home(chance: Random) -> tuple[str, str, str]:
    """Street, city and postcode."""
    postcode = chance.randint(10_000, 39_999)
    city = _BEGIN[postcode % len(_BEGIN)] + ("ton", "ville", "field", "burg", " Springs", " Falls")[postcode % 6]
    road = f"{chance.choice(_BEGIN)}{chance.choice(_END)} {chance.choice(_ROADS)}"
    return f"{chance.randint(1, 400)} {road}", city, str(postcode)
