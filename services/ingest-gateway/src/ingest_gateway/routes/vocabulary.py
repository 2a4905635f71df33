"""The names and terms that a user's recordings are likely to hold."""

from __future__ import annotations

from fastapi import APIRouter

from ingest_gateway.deps import CallerParam, DepsParam
from ingest_gateway.problems import FOREIGN_ORIGIN, documented
from ingest_gateway.queries import vocabulary as queries
from ingest_gateway.schemas.vocabulary import NewVocabulary, Vocabulary
from pipeline_runtime.database import speaking_for

router = APIRouter(tags=["accounts"])


@router.get("/api/vocabulary", summary="Your names and terms", responses=documented())
async def get_vocabulary(caller: CallerParam, deps: DepsParam) -> Vocabulary:
    """What transcriptions are told to listen for, the most important first."""
    async with speaking_for(deps.web, caller.user) as connection:
        return Vocabulary(terms=await queries.find_terms(connection, user=caller.user))


@router.put("/api/vocabulary", summary="Change your names and terms", responses=documented(FOREIGN_ORIGIN))
async def put_vocabulary(new: NewVocabulary, caller: CallerParam, deps: DepsParam) -> Vocabulary:
    """These instead of those before, for whatever is transcribed from now on."""
    async with speaking_for(deps.web, caller.user) as connection:
        await queries.put_terms(connection, user=caller.user, terms=new.terms)
    return Vocabulary(terms=new.terms)
