"""The closed lists that mini-Tulu's text and questions are made of, all written for this example."""

NOUNS = """
apple arm army autumn baby bag ball banana band bank barn basket bath beach bean bear bed bee bell belt bench bird
blanket boat body bone book boot bottle bowl box boy branch bread bridge brother brush bucket butter button cabin cake
camel camera camp candle cap car card carpet carrot castle cat cave chair cheese cherry chest chicken child church
circle city clock cloth cloud coat coffee coin comb cook copper corn corner cotton cousin cow crab cradle cream cricket
crown cup curtain dance daughter deer desert desk dinner doctor dog doll donkey door dragon drawer dream dress drum duck
eagle ear earth egg elbow engine evening eye face family farm farmer father feather fence field finger fire fish flag
flame floor flower flute fly fog food foot forest fork fox friend frog fruit game garden garlic gate gift giraffe girl
glass glove goat gold goose grape grass guest guitar hair hammer hand harbor hat hawk head heart hill history hole home
honey horse hospital hotel hour house iron island jacket jar jewel juice kettle key king kitchen kite kitten knee knife
ladder lake lamb lamp leaf leather lemon letter library lion lizard lock magnet market mask meadow melon memory metal
milk mill minute mirror money monkey moon morning mother mountain mouse mouth mud museum music nail name napkin neck
needle nest net nose number nurse oak ocean office oil onion orange oven owl paint palace pan paper parrot peach pear
pencil penguin pepper piano picture pig pillow pilot pipe planet plate pocket pond potato prince pumpkin puppy purse
queen rabbit radio rain ribbon rice ring river road robot rocket roof room root rope rose ruler saddle sail salad salt
sand school scissors sea seed shark sheep shelf shell ship shirt shoe shop shoulder silver singer sister skirt sky snake
snow soap sock soldier son soup spider spoon spring square squirrel stable star station stone storm story stove street
sugar summer sun swan sweater table tail tailor tea teacher temple tent thread thumb ticket tiger toast tomato tongue
tooth towel tower town toy train tree tunnel turkey turtle uncle valley vase village violin voice wagon wall water wave
wheel whistle window winter wolf wood wool worm yard zebra
""".split()

# Short lists are sorted out of these: every first letter is there, so that many lists need no second letter.
SORTED_NOUNS = """
apple arm bag ball banana bear bell bird boat book bread cake car cat chair clock cloud coin cup desk dog door drum duck
eagle egg eye fish flag fox frog garden gate glove goat grape hammer hat horse house island iron jacket jar juice key
king kite lamp lemon lion milk mirror moon mouse nail needle nest nose ocean onion owl pan paper pear piano queen rabbit
ring river rose salt ship snow star sun table tiger train tree uncle vase violin wall window wolf yard zebra
""".split()

OPPOSITES = [tuple(pair.split("/")) for pair in """
hot/cold big/small up/down day/night left/right fast/slow happy/sad open/closed young/old light/dark good/bad high/low
long/short rich/poor wet/dry full/empty early/late hard/soft clean/dirty strong/weak thick/thin loud/quiet north/south
east/west black/white true/false first/last inside/outside love/hate win/lose start/stop buy/sell give/take push/pull
summer/winter above/below always/never near/far deep/shallow wide/narrow sweet/sour brave/afraid friend/enemy heavy/easy
sharp/blunt smooth/rough front/back begin/end question/answer laugh/cry alive/dead top/bottom morning/evening
""".split()]

CAPITALS = dict(pair.split("/") for pair in """
France/Paris Germany/Berlin Italy/Rome Spain/Madrid Portugal/Lisbon Austria/Vienna Poland/Warsaw Greece/Athens
Norway/Oslo Sweden/Stockholm Finland/Helsinki Denmark/Copenhagen Ireland/Dublin England/London Belgium/Brussels
Hungary/Budapest Russia/Moscow Ukraine/Kyiv Turkey/Ankara Egypt/Cairo Kenya/Nairobi Ghana/Accra Japan/Tokyo
China/Beijing Nepal/Kathmandu Cuba/Havana Peru/Lima Chile/Santiago Canada/Ottawa Iran/Tehran Iraq/Baghdad Qatar/Doha
Iceland/Reykjavik Switzerland/Bern Scotland/Edinburgh Croatia/Zagreb Serbia/Belgrade Thailand/Bangkok Senegal/Dakar
""".split())

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()

PEOPLE = """
Anna Ben Clara David Emma Felix Grace Henry Ida Jack Karen Leo Mary Nina Oscar Paula Sam Tom Vera Will
""".split()
PLACES = ["the market", "the school", "the garden", "the old bridge", "the lake", "the library", "the farm",
          "the station", "the shop", "the office"]
THINGS = "apples pears books coins eggs stones pencils cards shells buttons".split()
