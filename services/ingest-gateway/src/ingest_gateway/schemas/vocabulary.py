"""A user's names and terms as JSON."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from ingest_gateway.schemas import Input

MOST_TERMS, LONGEST_TERM = 100, 60


def _plain(term: str) -> str:
    """One line without what cannot be seen."""
    spaced = "".join(" " if char.isspace() else char for char in term)
    seen = "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    plain = re.sub(" +", " ", seen).strip()
    if not 1 <= len(plain) <= LONGEST_TERM:
        raise ValueError(f"a term has 1 to {LONGEST_TERM} characters")
    return plain


def _each_once(terms: list[str]) -> list[str]:
    kept: dict[str, str] = {}
    for term in terms:
        kept.setdefault(term.casefold(), term)
    return list(kept.values())


Term = Annotated[str, AfterValidator(_plain)]


class Vocabulary(BaseModel):
    """Names and terms that recordings are likely to hold, the most important first."""

    terms: list[str] = Field(examples=[["CallVault", "Dr. Nguyen", "Kubernetes"]])


class NewVocabulary(Input):
    """All of the terms, the most important first: engines that take few take the first ones."""

    terms: Annotated[list[Term], Field(max_length=MOST_TERMS), AfterValidator(_each_once)] = Field(
        examples=[["CallVault", "Dr. Nguyen", "Kubernetes"]]
    )
