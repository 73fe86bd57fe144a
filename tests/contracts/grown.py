"""A fact that is written again by a later version has more fields, and all the earlier ones."""

__all__ = ["known_of"]


def known_of(value, written):
    """Return what is written, without the fields that were added since `value` went out."""
    if isinstance(value, dict):
        return {name: known_of(each, written[name]) for name, each in value.items()}
    if isinstance(value, list) and len(value) == len(written):
        return [known_of(*each) for each in zip(value, written, strict=True)]
    return written
