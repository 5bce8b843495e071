"""The flags that every command with a config has, and the config that they make."""

from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli.output import output_folder

if TYPE_CHECKING:
    from tfstyle.config.schema import StyleConfig


__all__ = ["config_from_flags", "output_folder", "overrides_from_flags"]


class _Pixels(flags.IntegerParser):
    def convert(self, argument: Any) -> int:
        try:
            return int(super().convert(argument))
        except ValueError:
            raise ValueError("a whole number of pixels is needed") from None


FLAGS = flags.FLAGS
flags.DEFINE_string("config", None, "YAML file with the options.")
flags.DEFINE_multi_string("content", None, "Content image, whose arrangement is kept.")
flags.DEFINE_multi_string("style", [], "Style image; repeatable.")
flags.DEFINE(_Pixels(), "size", None, "Long side of the result, in pixels.")
flags.DEFINE_string("output", None, "Folder for the results; by default runs/CONFIG.")
flags.DEFINE_multi_string(
    "set", [], "KEY=VALUE, such as objective.style_weight=30; repeatable."
)


def config_from_flags() -> "StyleConfig":
    """Return the config file's options, changed as the other flags say.

    Raises:
        ValueError: for a bad file, key or value.
    """
    from tfstyle.config.loading import load_config
    from tfstyle.config.schema import StyleConfig

    config = load_config(FLAGS.config) if FLAGS.config is not None else StyleConfig()
    return config.with_overrides(overrides_from_flags())


def content_from_flags() -> str | None:
    """Return the content image that --content names.

    Raises:
        ValueError: if there are several.
    """
    given = FLAGS.content or [None]
    if len(given) > 1:
        raise ValueError(
            f"--content is there {len(given)} times, and a run has one content image; "
            "for many of them: python -m tfstyle.batch --contents 'photos/*.jpg'"
        )
    content: str | None = given[0]
    return content


def overrides_from_flags() -> dict[str, Any]:
    """Return what --set, --content, --style and --size change, by dotted key.

    A later --set of the same key wins over an earlier one.

    Raises:
        ValueError: for a --set that is no KEY=VALUE, or that sets what one of the other
            flags sets as well.
    """
    from tfstyle.config.loading import parse_override

    sets = dict(parse_override(text) for text in FLAGS.set)
    overrides: dict[str, Any] = {}
    for flag, key, value in (
        ("content", "content.path", content_from_flags()),
        ("style", "styles", [{"path": path} for path in FLAGS.style] or None),
        ("size", "size", FLAGS.size),
    ):
        if value is None:
            continue
        for other in sets:
            if key == other or key.startswith(f"{other}."):
                raise ValueError(
                    f"--{flag} and --set {other}=... are both there; keep one"
                )
        overrides[key] = value
    return {**overrides, **sets}  # --set styles.0.scale=2 is of the --style before it
