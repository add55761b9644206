"""Settings of the template."""

from pydantic import Field

from sshmr.config.base import Settings


class TemplateConfig(Settings):
    """The template: the body vertices that points are matched to."""

    points: int = Field(1024, ge=16, le=6890)
    """Number of vertices picked from the body."""
