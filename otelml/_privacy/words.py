"""Words of the messages of Python and of the libraries of machine learning, in lower case."""

from __future__ import annotations

import re
from typing import Final

_TEXT: Final = """
a after allowed already also always an and any are aren argument arguments array arrays as at
attribute attributes available axis base be because been before between bool boolean both bounds
broadcast buffer but by bytes call callable called can cannot character characters check choose
class closed code codec column columns config configuration configured connection contain
contains content conversion convert converted could couldn create created current data date
datetime decode decoded deep default defined deleted denied depth dict didn different dimension
dimensional dimensions directory disabled division does doesn don done dtype duplicate each
either element elements empty enabled encode encoded end error estimator every exactly exceed
exceeded exceeds except exist exists expected expecting fail failed fails fault feature features
file filled finite first fit fitted float floating for format found from full function given
gone greater has hashable hasn have haven help higher host ignored implemented import in
incompatible inconsistent index indices infinity input inputs inside install installed instance
instead int integer integers internal into invalid invalidated invocation is isn it item
iterable keep kept key keys keyword large larger last least length less limit line list literal
load loaded loading local locked long longer loss lost low lower many mapping match matches
matching matrix max maximum method min minimum mismatch missing mode model module more most much
must name named nan negative never new next no non none nor not nothing now null number numeric
object objects of on once one only open operand operands operation option or order other out
outside over own parameter parameters parse parsing part passed path pattern permission please
positional positive possible predict present process protocol provide provided raised range
reached read ready recursion refers refuse refused registered remote remove removed requested
required requires reset reshape result return returned row rows running same sample samples save
saved schema see seen sequence server service set shape shapes shared should single size skipped
slow smaller some sparse specified specify start started still stop stopped string strings
subscriptable such support supported supports takes temporary than that the then there these
this those thread time timed timeout to together too true tuple twice two type types unable
unavailable unconverted undefined unexpected unhashable unknown unpack unsupported until up
update use using valid value values variable version wait waiting want wants was wasn were when
whether which while with without won words worker would wouldn write written wrong wrote yet you
your zero
"""
WORDS: Final = frozenset(re.findall(r"\w+", _TEXT))
