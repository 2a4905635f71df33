"""Who has accounts in the sandbox, and whom they talk to. All of them are invented."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody in a call. No e-mail: a guest who typed a name."""

    name: str
    email: str | None

    @property
    def domain(self) -> str | None:
        """What stands after the @."""
        return self.email.split("@")[1] if self.email else None


@dataclass(frozen=True)
class User:
    """Somebody with an account. `team` is the company; Zoom accounts are per company too."""

    key: str
    name: str
    email: str
    team: str
    group: str
    admin: bool = False
    providers: tuple[str, ...] = ("fathom", "zoom")

    @property
    def person(self) -> Person:
        """The same as a speaker."""
        return Person(self.name, self.email)

    @property
    def api_key(self) -> str:
        """The Fathom API key of this user."""
        return f"fathom-key-{self.key}"

    @property
    def zoom_id(self) -> str:
        """The Zoom user id."""
        return f"zu{self.key.upper():_<20}"

    @property
    def zoom_account(self) -> str:
        """The Zoom account id, shared by a company."""
        return f"za{self.team.upper():_<20}"


USERS = {
    user.key: user
    for user in (
        User("maya", "Maya Okafor", "maya@larkfield.example", "larkfield", "Sales", admin=True),
        User("tom", "Tom Brandt", "tom@larkfield.example", "larkfield", "Sales"),
        User("ines", "Inês Duarte", "ines@larkfield.example", "larkfield", "Product"),
        User("petra", "Petra Novak", "petra@quillworks.example", "quillworks", "Consulting", admin=True),
    )
}

COLLEAGUES = [
    Person("Samir Haddad", "samir@larkfield.example"),
    Person("Ruth Lindqvist", "ruth@larkfield.example"),
    Person("Owen Park", "owen@larkfield.example"),
    Person("Grace Mbeki", "grace@larkfield.example"),
]

GUESTS = [
    Person("Elena Petrova", "elena.petrova@brightharbor.example"),
    Person("Marcus Webb", "marcus@brightharbor.example"),
    Person("Yuki Tanaka", "y.tanaka@sorabo.example"),
    Person("Carlos Ibáñez", "carlos@molinoverde.example"),
    Person("Hannah Vogel", "hannah.vogel@bergtal.example"),
    Person("Dev Patel", "dev@parcelloop.example"),
    Person("Aoife Byrne", "aoife@parcelloop.example"),
    Person("Noor Rahman", "noor@tidewise.example"),
    Person("Lucas Moreau", "lucas.moreau@atelier-neuf.example"),
    Person("Bianca Rossi", "bianca@granofino.example"),
    Person("Jonas Keller", None),
    Person("Priya Nair", "priya@tidewise.example"),
]

FIRMS = {
    "brightharbor.example": "Bright Harbor",
    "sorabo.example": "Sorabo",
    "molinoverde.example": "Molino Verde",
    "bergtal.example": "Bergtal",
    "parcelloop.example": "Parcel Loop",
    "tidewise.example": "Tidewise",
    "atelier-neuf.example": "Atelier Neuf",
    "granofino.example": "Grano Fino",
}
