"""Make the photos of the demo study from Tux Paint's stamps.

    python scripts/build_demo.py /usr/share/tuxpaint/stamps

The stamps are those of the Debian package ``tuxpaint-stamps-default`` (2022.06.04-1, GPL-2 or
later).  Of its PNG files, the cut-out photographs below were chosen by eye, class by class, before
any model had seen them: no drawing, no mirrored copy, nothing smaller than 66 pixels.  Each is
laid on a white square of 256 pixels, enlarged twice at most, and saved as JPEG; photos.csv lists
them with their descriptions and the stamp that each comes from.  The same stamps and the same
Pillow give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

STUDY = Path(__file__).parents[1] / "evaluation" / "studies" / "demo"
SIDE = 256
"""Of the square, pixels."""
MARGIN = 8
ENLARGEMENT = 2.0
"""At most: the smallest stamps stay small rather than blurred."""
QUALITY = 90
COLUMNS = ("path", "label", "subcategory", "title", "title_fr", "stamp")

CHOSEN: dict[str, dict[str, tuple[str, ...]]] = {  # class, sub-category, stamps
    "Aquatic Life": {
        "Fish": (
            "animals/fish/bluegroper",
            "animals/fish/butterflyfish",
            "animals/fish/clownfish",
            "animals/fish/coraltrout",
            "animals/fish/dolphinfish",
            "animals/fish/lionfish",
            "animals/fish/moonwrasse",
            "animals/fish/seahorse",
            "animals/fish/stripedfish",
        ),
        "Aquatic mammals": (
            "animals/mammals/aquatic/dolphin",
            "animals/mammals/aquatic/orca",
            "animals/mammals/aquatic/otter",
            "animals/mammals/aquatic/sea_lion",
            "animals/mammals/aquatic/whale",
        ),
        "Shellfish": (
            "animals/fish/lobster",
            "animals/shellfish/abalone",
            "animals/shellfish/murray-mussel",
        ),
    },
    "Birds": {
        "Birds of prey": ("animals/birds/owl", "animals/birds/vulture"),
        "Garden birds": (
            "animals/birds/blackbird",
            "animals/birds/crow",
            "animals/birds/cuckoo",
            "animals/birds/lark",
            "animals/birds/pigeon",
        ),
        "Poultry": (
            "animals/birds/guineafowl",
            "animals/birds/hen",
            "animals/birds/rooster",
            "animals/birds/turkey",
        ),
        "Tropical birds": (
            "animals/birds/adelaide-rosella",
            "animals/birds/quetzal",
            "animals/birds/rainbow-lorikeet",
            "animals/birds/tucan",
        ),
        "Water birds": (
            "animals/birds/duck",
            "animals/birds/heron_greatblue",
            "animals/birds/magellanic_penguin",
            "animals/birds/pelican",
            "animals/birds/penguin",
            "animals/birds/pink_flamingo",
            "animals/birds/seagull",
        ),
    },
    "Fruit and Vegetables": {
        "Fruit": (
            "food/fruit/Apricot_whole",
            "food/fruit/Cherry_Stella",
            "food/fruit/Strawberry2",
            "food/fruit/avocado",
            "food/fruit/banana",
            "food/fruit/cherimoya",
            "food/fruit/grapes",
            "food/fruit/kiwi",
            "food/fruit/lemon",
            "food/fruit/mandarine",
            "food/fruit/pineapple",
            "food/fruit/sliced_lime",
            "food/fruit/sliced_orange",
        ),
        "Nuts": ("food/nuts/almond", "food/nuts/pecan", "food/nuts/walnut"),
        "Vegetables": (
            "food/vegetables/broccoli",
            "food/vegetables/carrot",
            "food/vegetables/chilepepper",
            "food/vegetables/corn",
            "food/vegetables/eggplant",
            "food/vegetables/yellowpepper",
        ),
    },
    "Garden": {
        "Flowers": (
            "plants/flowers/anemone_red",
            "plants/flowers/anthoorium",
            "plants/flowers/chemparathi",
            "plants/flowers/daffodil",
            "plants/flowers/flower1",
            "plants/flowers/iris",
            "plants/flowers/marigold",
            "plants/flowers/pigface",
            "plants/flowers/red-gazania",
            "plants/flowers/rose",
            "plants/flowers/whitestar-petunia",
            "plants/flowers/yellow-flower",
        ),
        "Herbs and bushes": (
            "plants/eggplant",
            "plants/lavender",
            "plants/lettuce_bolted",
            "plants/thyme",
        ),
        "Mushrooms": ("plants/mushrooms/cep", "plants/mushrooms/cep-1"),
        "Trees": (
            "plants/trees/birch",
            "plants/trees/holm_oak",
            "plants/trees/liberia-palm",
            "plants/trees/tree336",
        ),
    },
    "Home and Tools": {
        "Household items": (
            "clothes/clothespin_new",
            "household/Lightbulb",
            "household/garbagecan",
            "household/key",
            "household/toilet",
            "household/wheelie_bin",
        ),
        "Kitchenware": (
            "household/dishes/mug",
            "household/dishes/pitcher_small",
            "household/dishes/teapot",
            "household/dishes/utensils/nutcracker",
            "household/dishes/utensils/pepper_grinder",
            "household/kettle",
        ),
        "Hand tools": (
            "household/tools/hammer",
            "household/tools/mallet_metal",
            "household/tools/measuring_tape",
            "household/tools/paintbrush_large",
            "household/tools/plyers",
            "household/tools/saw",
            "household/tools/spade",
            "household/tools/toolbox",
            "household/tools/wrench",
            "household/tools/wrench_plumbers",
        ),
    },
    "Leisure": {
        "Musical instruments": (
            "hobbies/music/brass/trumpet",
            "hobbies/music/percussion/cymbal_crash",
            "hobbies/music/percussion/drum_tomtom_floor",
            "hobbies/music/percussion/drumkit",
            "hobbies/music/string/cello",
            "hobbies/music/string/guitar2",
            "hobbies/music/string/guitar_classical",
            "hobbies/music/string/guitar_electric",
            "hobbies/music/string/guitar_electric_bass",
            "hobbies/music/string/violin",
            "hobbies/music/wind/bassoon",
        ),
        "Photography and toys": (
            "animals/mammals/bears/toys/edward_bear",
            "hobbies/binoculars",
            "hobbies/camera_35mm",
        ),
        "Sports equipment": (
            "sports/australian_rules_football",
            "sports/basketball",
            "sports/cricketball",
            "sports/football",
            "sports/soccer",
            "sports/tennis_ball",
            "sports/tennis_racket",
            "sports/trophy_cup",
        ),
    },
    "Mammals": {
        "Apes": ("animals/mammals/apes/chimp", "animals/mammals/apes/gorilla"),
        "Dogs and foxes": ("animals/mammals/dogs/dog", "animals/mammals/dogs/fox"),
        "Farm animals": (
            "animals/mammals/bovines/cow",
            "animals/mammals/bovines/goat",
            "animals/mammals/bovines/sheep",
            "animals/mammals/equines/donkey",
            "animals/mammals/equines/horse",
            "animals/mammals/pig_golden",
        ),
        "Large wild animals": (
            "animals/mammals/bears/european-bear",
            "animals/mammals/cats/lion-2",
            "animals/mammals/cats/tiger",
            "animals/mammals/elephant",
            "animals/mammals/equines/zebra",
            "animals/mammals/giraffe",
            "animals/mammals/hippopotamus",
        ),
        "Rodents and rabbits": (
            "animals/mammals/rodents/beaver",
            "animals/mammals/rodents/marmot",
            "animals/mammals/rodents/mouse",
            "animals/mammals/rodents/rabbit-2",
            "animals/mammals/rodents/squirrel",
        ),
    },
    "Vehicles": {
        "Aircraft": (
            "military/vehicles/f22_raptor",
            "vehicles/flight/balloon360",
            "vehicles/flight/planes/747",
        ),
        "Boats": ("vehicles/ship/walnutBoat",),
        "Cars": (
            "vehicles/auto/beetle",
            "vehicles/auto/sedan",
            "vehicles/auto/sportscar2",
            "vehicles/race/indycar",
        ),
        "Military vehicles": (
            "military/vehicles/bradley",
            "military/vehicles/infantry-stryker",
            "military/vehicles/ww2_german_gun",
        ),
        "Trucks and buses": (
            "vehicles/auto/truck",
            "vehicles/construction/dumper",
            "vehicles/emergency/firetruck",
            "vehicles/garbagetruck",
            "vehicles/masstransit/green_korean_bus",
        ),
        "Tricycles": ("vehicles/cycle/pink_tricycle",),
    },
}


def main() -> None:
    """Build the photos and their table; the folder of the stamps is the only argument."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("stamps", type=Path, help="folder of Tux Paint's stamps")
    parser.add_argument("--output", type=Path, default=STUDY, help="folder of the study")
    arguments = parser.parse_args()
    absent = [stamp for *_, stamp in chosen() if not stamp_file(arguments.stamps, stamp).is_file()]
    if absent:
        parser.error(f"no {absent[0]}.png in {arguments.stamps} ({len(absent)} absent)")
    rows = [build(arguments.stamps, arguments.output, *entry) for entry in chosen()]
    with (arguments.output / "photos.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["path"]))


def chosen() -> Iterator[tuple[str, str, str]]:
    """Class, sub-category and stamp of every photo."""
    for label, subcategories in CHOSEN.items():
        for subcategory, stamps in subcategories.items():
            for stamp in stamps:
                yield label, subcategory, stamp


def stamp_file(stamps: Path, stamp: str) -> Path:
    """The stamp's picture."""
    return stamps / f"{stamp}.png"


def build(stamps: Path, output: Path, label: str, subcategory: str, stamp: str) -> dict[str, str]:
    """Write one photo, and return its line of the table."""
    name = stamp.rpartition("/")[2].lower().replace("_", "-")
    path = f"{label.lower().replace(' ', '-')}/{name}.jpg"
    file = output / "photos" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(stamp_file(stamps, stamp)) as image:
        photo = on_white(image.convert("RGBA"))
    photo.save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    english, french = descriptions(stamps / f"{stamp}.txt")
    values = (path, label, subcategory, english, french, f"{stamp}.png")
    return dict(zip(COLUMNS, values, strict=True))


def on_white(image: Image.Image) -> Image.Image:
    """The cut-out (RGBA) in the middle of a white square."""
    box = image.getchannel("A").getbbox()
    image = image.crop(box)
    scale = min((SIDE - 2 * MARGIN) / max(image.size), ENLARGEMENT)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Premultiplied, so that the colour of transparent pixels does not bleed into the edge.
    image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(image, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2), image)
    return square


def descriptions(file: Path) -> tuple[str, str]:
    """The stamp's description in English, and in French where it has one."""
    english, *others = file.read_text(encoding="utf-8").splitlines()
    translations = dict(line.split("=", 1) for line in others if "=" in line)
    return tidy(english), tidy(translations.get("fr.utf8", english))


def tidy(text: str) -> str:
    """A caption: single spaces, and no full stop at the end."""
    return " ".join(text.split()).removesuffix(".")


if __name__ == "__main__":
    main()
