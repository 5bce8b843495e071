"""Make the pictures of README.md, studies.md and controls.md again, as they say.

    python scripts/draw_docs.py
    python scripts/draw_docs.py --only controls

runs the default config and all studies into --output (what is finished there is kept)
and puts their sheets into docs/images as JPEG, for pages that load fast.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.output import output_folder
from tfstyle.errors import RunError
from tfstyle.images import fit_size, load_image, resize, save_image

FLAGS = flags.FLAGS
flags.DEFINE_string("output", None, "Folder of the runs; by default runs/docs.")
flags.DEFINE_enum("only", None, ["studies", "gallery", "controls"], "A part of them.")

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
GRIDS = ("content_layers", "style_layers", "ratio", "network", "start", "variation")
GALLERY = (
    ("chelsea.png", "rhone.jpg"),
    ("astronaut.png", "wave.jpg"),
    ("coffee.png", "composition_vii.jpg"),
    ("rocket.jpg", "rhone.jpg"),
    ("coffee.png", "rhone.jpg"),
    ("rocket.jpg", "wave.jpg"),
)
CUP = "runs/cup.png", "coffee.png", "0.1,0,0.84,0.98", "8"
SKY = "--picture", "examples/content/rocket.jpg", "--clusters", "6", "--pick", "1,2"
FACE = "runs/face.png", "astronaut.png", "0.3,0.02,0.58,0.36", "12"
CONTROLS = {
    "regions": (
        *("--content", "examples/content/coffee.png", "--set"),
        "styles=[{path: examples/style/composition_vii.jpg, mask: runs/cup.png}, "
        "{path: examples/style/rhone.jpg}]",
    ),
    "keep": (
        *("--content", "examples/content/astronaut.png"),
        *("--style", "examples/style/wave.jpg"),
        *("--set", "keep.mask=runs/face.png", "--set", "color=content_luminance"),
    ),
    "luminance": ("--set", "color=content_luminance"),
    "match": ("--set", "color=content_match"),
    "palette": ("--set", "palette=examples/style/rhone.jpg"),
    "sky": (
        *("--content", "examples/content/rocket.jpg", "--set"),
        "styles=[{path: examples/style/swirls.jpg, mask: runs/sky.png}, "
        "{path: examples/style/composition_vii.jpg}]",
    ),
    "strokes": (
        *("--content", "examples/content/astronaut.png", "--set"),
        "styles=[{path: examples/style/composition_vii.jpg, color: 0}, "
        "{path: examples/style/rhone.jpg, strokes: 0}]",
    ),
    "photorealism": ("--config", "configs/photorealistic.yaml"),
}
SHEETS = {
    "stroke": ("scripts/ablate.py", "--config", "configs/studies/stroke.yaml"),
    "direction": ("scripts/ablate.py", "--config", "configs/studies/direction.yaml"),
    "strength": ("scripts/strength.py", "--size", "320", "--film", "webp"),
}
SHEET = 1280  # pixels, at most
SCRIPTS = {
    "feature_maps": ["feature_maps.py"],
    "content_reconstruction": ["reconstruct.py", "--of", "content"],
    "style_reconstruction": ["reconstruct.py", "--of", "style"],
    "gram_matrices": ["gram_matrices.py"],
    "film": ["film.py"],
    **{
        name: ["ablate.py", "--config", f"configs/studies/{name}.yaml"]
        for name in GRIDS
    },
}


def main() -> int:
    """Run everything, then draw."""
    output = output_folder("runs/docs").absolute()
    parts = {
        "studies": draw_studies,
        "gallery": draw_gallery,
        "controls": draw_controls,
    }
    for name, draw in parts.items():
        if FLAGS.only in (None, name):
            (IMAGES / name).mkdir(parents=True, exist_ok=True)
            draw(output)
    return 0


def draw_studies(output: Path) -> None:
    """Make the sheets of docs/studies.md."""
    folder = IMAGES / "studies"
    for name, (script, *arguments) in SCRIPTS.items():
        run(f"scripts/{script}", *arguments, "--output", str(output / name))
        as_jpeg(output / name / "sheet.png", folder / f"{name}.jpg")
    as_jpeg(output / "feature_maps" / "blocks.png", folder / "blocks.jpg")
    shutil.copy(output / "film" / "run" / "film.webp", folder / "film.webp")


def draw_gallery(output: Path) -> None:
    """Make the rows of README.md."""
    draw_row(output / "default", IMAGES / "default.jpg")
    for content, style in GALLERY:
        name = f"{Path(content).stem}_{Path(style).stem}"
        pictures = ["--content", f"examples/content/{content}"]
        pictures += ["--style", f"examples/style/{style}"]
        draw_row(output / name, IMAGES / "gallery" / f"{name}.jpg", *pictures)


def draw_controls(output: Path) -> None:
    """Make the masks, pictures and sheets of docs/controls.md, pictures at 320 px."""
    (ROOT / "runs").mkdir(exist_ok=True)
    for mask, picture, box, feather in (CUP, FACE):
        of = ["--picture", f"examples/content/{picture}", "--ellipse", box]
        run("scripts/draw_mask.py", *of, "--feather", feather, "--output", mask)
    run("scripts/draw_mask.py", *SKY, "--output", "runs/sky.png")
    as_jpeg(ROOT / "runs" / "clusters.png", IMAGES / "controls" / "clusters.jpg")
    for name, changes in CONTROLS.items():
        config = ["--config", "configs/default.yaml", "--overwrite", "--size", "320"]
        folder = output / "controls" / name
        run("-m", "tfstyle.run", *config, *changes, "--output", str(folder))
        as_jpeg(folder / "result.png", IMAGES / "controls" / f"{name}.jpg")
    for name, arguments in SHEETS.items():
        run(*arguments, "--output", str(output / name))
        sheet = load_image(output / name / "sheet.png")
        height, width, _ = sheet.shape
        smaller = fit_size(height, width, min(max(height, width), SHEET))
        save_image(IMAGES / "controls" / f"{name}.jpg", resize(sheet, *smaller))


def draw_row(run_dir: Path, target: Path, *pictures: str) -> None:
    """Run the default config, and draw content, style and result side by side."""
    config = ["--config", "configs/default.yaml", "--overwrite", *pictures]
    run("-m", "tfstyle.run", *config, "--output", str(run_dir))
    row = ["--run_dir", str(run_dir), "--output", str(target)]
    run("scripts/side_by_side.py", *row)


def run(*arguments: str) -> None:
    """Run a Python command in the repository.

    Raises:
        RunError: if it fails.
    """
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT)
    if done.returncode:
        raise RunError(f"{' '.join(arguments)} ended with {done.returncode}")
    print(f"{time.perf_counter() - began:.1f} s: {' '.join(arguments)}", flush=True)


def as_jpeg(source: Path, target: Path) -> None:
    """Write a picture again."""
    save_image(target, load_image(source))


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
