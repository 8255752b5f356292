"""Numbers with bounds, as signatures state them; arguments that come as data are held to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Temperature = Annotated[float, Field(ge=0.0)]
TwoOrMore = Annotated[int, Field(ge=2)]
