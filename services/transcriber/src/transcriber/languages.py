"""Languages: one name for each, and what to do where a part seems to be in another one than the rest.

Engines tell a language by its first seconds, so music or a greeting can turn a whole part into another
language. Whisper's local model is asked about several windows; of other engines the parts are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from transcriber.audio import Part
from transcriber.transcript import Transcript

_NAMES = (
    "en english,zh chinese,de german,es spanish,ru russian,ko korean,fr french,ja japanese,pt portuguese,"
    "tr turkish,pl polish,ca catalan,nl dutch,ar arabic,sv swedish,it italian,id indonesian,hi hindi,"
    "fi finnish,vi vietnamese,he hebrew,uk ukrainian,el greek,ms malay,cs czech,ro romanian,da danish,"
    "hu hungarian,ta tamil,no norwegian,th thai,ur urdu,hr croatian,bg bulgarian,lt lithuanian,la latin,"
    "mi maori,ml malayalam,cy welsh,sk slovak,te telugu,fa persian,lv latvian,bn bengali,sr serbian,"
    "az azerbaijani,sl slovenian,kn kannada,et estonian,mk macedonian,br breton,eu basque,is icelandic,"
    "hy armenian,ne nepali,mn mongolian,bs bosnian,kk kazakh,sq albanian,sw swahili,gl galician,mr marathi,"
    "pa punjabi,si sinhala,km khmer,sn shona,yo yoruba,so somali,af afrikaans,oc occitan,ka georgian,"
    "be belarusian,tg tajik,sd sindhi,gu gujarati,am amharic,yi yiddish,lo lao,uz uzbek,fo faroese,"
    "ht haitian creole,ps pashto,tk turkmen,nn nynorsk,mt maltese,sa sanskrit,lb luxembourgish,my myanmar,"
    "bo tibetan,tl tagalog,mg malagasy,as assamese,tt tatar,haw hawaiian,ln lingala,ha hausa,ba bashkir,"
    "jw javanese,su sundanese,yue cantonese,my burmese,ca valencian,nl flemish,ht haitian,lb letzeburgesch,"
    "ps pushto,pa panjabi,ro moldavian,ro moldovan,si sinhalese,es castilian,zh mandarin"
)
_CODES = {name: code for code, _, name in (pair.partition(" ") for pair in _NAMES.split(","))}
_MAJORITY = 0.7  # of the seconds; a call in two languages has no majority that could overrule the other
_FEWEST = 3  # parts with a language before any is doubted
_CLEARLY_WORSE = 0.3  # of mean log probability


def code(told: str | None) -> str | None:
    """ISO 639-1 for a name or a code with or without a country; what was told where it is neither."""
    if not told or not told.strip():
        return None
    plain = told.strip().lower()
    return _CODES.get(plain) or plain.replace("_", "-").split("-")[0]


def vote(windows: Iterable[tuple[str, float]]) -> str | None:
    """The language of a recording by its windows' languages and how sure each is; None without any."""
    weights: dict[str, float] = defaultdict(float)
    for language, probability in windows:
        weights[language] += probability
    return max(weights, key=lambda language: weights[language], default=None)


def outvoted(parts: Sequence[tuple[Part, Transcript]]) -> tuple[str | None, list[int]]:
    """The language that the recording is in, and the numbers of parts that were heard in another one.

    Those are worth asking again with that language; `better` chooses between both answers. No numbers
    where there is no clear majority, or where nobody has checked the language.
    """
    told = [(part, code(one.language)) for part, one in parts if one.language_checked and one.text]
    seconds: dict[str, float] = defaultdict(float)
    for part, language in told:
        if language:
            seconds[language] += part.seconds
    winner = max(seconds, key=lambda language: seconds[language], default=None)
    if winner is None or len(told) < _FEWEST or seconds[winner] < _MAJORITY * sum(seconds.values()):
        return winner, []
    return winner, [part.number for part, language in told if language not in (None, winner)]


def better(first: Transcript, again: Transcript) -> Transcript:
    """Of a part that was asked twice: the second answer, unless the engine is clearly less sure of it."""
    if not again.text:
        return first
    if first.confidence is None or again.confidence is None:
        return again
    return first if again.confidence < first.confidence - _CLEARLY_WORSE else again
