import type { SourceKey, SpeciesRow } from "./species.ts";

const herb: readonly SourceKey[] = ["ncsu", "mbg", "rhs", "ahs"];
const crop: readonly SourceKey[] = ["knott", "fao", "rhs", "ncsu"];
/** Crops that the table of water has no row for. */
const kitchen: readonly SourceKey[] = ["ncsu", "mbg", "rhs", "knott"];
/** Crops that the table of temperatures has no row for. */
const watered: readonly SourceKey[] = ["fao", "ncsu", "rhs", "ahs"];
const flower: readonly SourceKey[] = ["mbg", "ncsu", "rhs", "ahs"];

/** For the kitchen, in a pot or a bed. */
export const herbs: readonly SpeciesRow[] = [
  ["basil", "Basil", "Ocimum basilicum", "sun", "moist", "open", "H1c", "hot", herb, "Sweet basil"],
  ["parsley", "Parsley", "Petroselinum crispum", "partial", "moist", "open", "H5", "cool", kitchen],
  ["coriander", "Coriander", "Coriandrum sativum", "sun", "average", "open", "H3", "cool", herb, "Cilantro"],
  ["mint", "Spearmint", "Mentha spicata", "partial", "moist", "open", "H6", "usual", watered, "Mint"],
  ["peppermint", "Peppermint", "Mentha × piperita", "partial", "moist", "open", "H6", "usual", watered],
  ["chives", "Chives", "Allium schoenoprasum", "sun", "average", "open", "H6", "usual", ["knott", "caes", "ncsu", "rhs"]],
  ["rosemary", "Rosemary", "Salvia rosmarinus", "sun", "dry", "open", "H4", "usual", herb, "Rosmarinus officinalis"],
  ["thyme", "Thyme", "Thymus vulgaris", "sun", "dry", "open", "H5", "usual", herb],
  ["sage", "Sage", "Salvia officinalis", "sun", "dry", "open", "H5", "usual", herb],
  ["oregano", "Oregano", "Origanum vulgare", "sun", "dry", "open", "H6", "usual", herb],
  ["sweet-marjoram", "Sweet marjoram", "Origanum majorana", "sun", "dry", "open", "H3", "usual", herb],
  ["dill", "Dill", "Anethum graveolens", "sun", "average", "open", "H4", "usual", herb],
  ["lemon-balm", "Lemon balm", "Melissa officinalis", "partial", "average", "open", "H6", "usual", herb],
  ["lavender", "English lavender", "Lavandula angustifolia", "sun", "dry", "open", "H5", "usual", herb],
  ["french-tarragon", "French tarragon", "Artemisia dracunculus", "sun", "dry", "open", "H4", "usual", herb],
  ["bay-laurel", "Bay laurel", "Laurus nobilis", "partial", "average", "open", "H4", "usual", herb, "Sweet bay"],
  ["lemongrass", "Lemongrass", "Cymbopogon citratus", "sun", "moist", "open", "H1c", "hot", herb],
  ["german-chamomile", "German chamomile", "Matricaria chamomilla", "sun", "average", "open", "H5", "usual", herb],
];

/** To eat. */
export const vegetables: readonly SpeciesRow[] = [
  ["tomato", "Tomato", "Solanum lycopersicum", "sun", "moist", "open", "H1c", "usual", crop],
  ["sweet-pepper", "Sweet pepper", "Capsicum annuum", "sun", "moist", "open", "H1c", "usual", crop, "Bell pepper", "Paprika"],
  ["chilli", "Chilli", "Capsicum frutescens", "sun", "moist", "open", "H1c", "hot", crop, "Hot pepper", "Tabasco"],
  ["aubergine", "Aubergine", "Solanum melongena", "sun", "average", "open", "H1c", "hot", crop, "Eggplant"],
  ["cucumber", "Cucumber", "Cucumis sativus", "sun", "average", "open", "H1c", "hot", crop],
  ["courgette", "Courgette", "Cucurbita pepo", "sun", "average", "open", "H2", "hot", crop, "Zucchini", "Summer squash"],
  ["lettuce", "Lettuce", "Lactuca sativa", "partial", "moist", "open", "H3", "cool", crop],
  ["spinach", "Spinach", "Spinacia oleracea", "partial", "moist", "open", "H3", "cool", crop],
  ["kale", "Kale", "Brassica oleracea Acephala Group", "sun", "average", "open", "H4", "cool", crop, "Borecole"],
  ["chard", "Swiss chard", "Beta vulgaris Cicla Group", "sun", "average", "open", "H3", "cool", kitchen],
  ["rocket", "Rocket", "Eruca vesicaria", "partial", "moist", "open", "H3", "cool", ["ncsu", "mbg", "rhs"], "Arugula", "Rucola"],
  ["radish", "Radish", "Raphanus sativus", "sun", "moist", "open", "H3", "cool", crop],
  ["carrot", "Carrot", "Daucus carota", "sun", "moist", "open", "H3", "cool", crop],
  ["beetroot", "Beetroot", "Beta vulgaris Conditiva Group", "sun", "average", "open", "H3", "cool", crop, "Beet"],
  ["garden-pea", "Garden pea", "Pisum sativum", "sun", "moist", "open", "H3", "cool", crop],
  ["french-bean", "French bean", "Phaseolus vulgaris", "sun", "average", "open", "H2", "usual", crop, "Green bean", "Snap bean"],
  ["cabbage", "Cabbage", "Brassica oleracea Capitata Group", "sun", "average", "open", "H4", "cool", crop],
  ["broccoli", "Broccoli", "Brassica oleracea Italica Group", "sun", "average", "open", "H4", "cool", crop],
  ["celery", "Celery", "Apium graveolens", "partial", "moist", "open", "H3", "cool", crop],
  ["spring-onion", "Spring onion", "Allium cepa", "sun", "moist", "open", "H4", "usual", crop, "Onion", "Scallion"],
  ["garlic", "Garlic", "Allium sativum", "sun", "moist", "open", "H4", "usual", crop],
  ["potato", "Potato", "Solanum tuberosum", "sun", "moist", "open", "H2", "cool", crop],
  ["strawberry", "Strawberry", "Fragaria × ananassa", "sun", "moist", "open", "H5", "usual", watered],
  ["lemon", "Lemon", "Citrus × limon", "sun", "average", "open", "H1c", "hot", ["fao", "mbg", "rhs"]],
  ["olive", "Olive", "Olea europaea", "sun", "dry", "open", "H3", "hot", ["fao", "mbg", "rhs"]],
  ["common-fig", "Common fig", "Ficus carica", "sun", "average", "open", "H3", "hot", ["mbg", "ncsu", "rhs"], "Fig"],
];

/** For balcony and bed. */
export const flowers: readonly SpeciesRow[] = [
  [
    "zonal-pelargonium",
    "Geranium",
    "Pelargonium × hortorum",
    "sun",
    "dry",
    "open",
    "H1c",
    "usual",
    ["caes", "mbg", "rhs", "ahs"],
    "Zonal pelargonium",
  ],
  ["petunia", "Petunia", "Petunia × atkinsiana", "sun", "average", "open", "H2", "usual", flower],
  ["french-marigold", "French marigold", "Tagetes patula", "sun", "average", "open", "H2", "hot", flower],
  ["sunflower", "Sunflower", "Helianthus annuus", "sun", "average", "open", "H3", "hot", flower],
  ["nasturtium", "Nasturtium", "Tropaeolum majus", "sun", "average", "open", "H3", "usual", flower],
  ["garden-pansy", "Pansy", "Viola × wittrockiana", "partial", "average", "open", "H6", "cool", flower],
  ["busy-lizzie", "Busy Lizzie", "Impatiens walleriana", "medium", "moist", "open", "H1b", "usual", flower],
  ["wax-begonia", "Wax begonia", "Begonia × semperflorens-cultorum", "partial", "average", "open", "H1b", "usual", flower],
  ["fuchsia", "Fuchsia", "Fuchsia × hybrida", "partial", "moist", "open", "H3", "cool", flower],
  ["hydrangea", "Hydrangea", "Hydrangea macrophylla", "partial", "moist", "open", "H5", "usual", ["caes", "mbg", "ncsu", "rhs"]],
  ["patio-rose", "Miniature rose", "Rosa chinensis", "sun", "average", "open", "H5", "usual", ["caes", "mbg", "rhs", "ahs"], "Patio rose"],
  ["dahlia", "Dahlia", "Dahlia pinnata", "sun", "average", "open", "H3", "usual", flower],
  ["snapdragon", "Snapdragon", "Antirrhinum majus", "sun", "average", "open", "H3", "cool", flower],
  ["pot-marigold", "Pot marigold", "Calendula officinalis", "sun", "average", "open", "H4", "usual", flower],
  ["zinnia", "Zinnia", "Zinnia elegans", "sun", "average", "open", "H2", "hot", flower],
  ["trailing-lobelia", "Trailing lobelia", "Lobelia erinus", "partial", "moist", "open", "H2", "cool", flower],
  ["garden-cosmos", "Garden cosmos", "Cosmos bipinnatus", "sun", "dry", "open", "H3", "hot", flower],
  [
    "florists-chrysanthemum",
    "Florist's chrysanthemum",
    "Chrysanthemum × morifolium",
    "partial",
    "average",
    "open",
    "H3",
    "cool",
    ["caes", "mbg", "rhs"],
    "Mum",
  ],
];
