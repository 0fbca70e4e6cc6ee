"""BLEU and chrF of translations, with the values and signatures of sacreBLEU."""
