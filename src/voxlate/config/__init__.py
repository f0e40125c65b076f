"""What a user decides: recipes, their fields, and the catalogues that a recipe chooses from by name."""

from voxlate.config.builtin import recipe_names
from voxlate.config.plan import Reading
from voxlate.config.recipe import Recipe, load_recipe, parse_recipe

__all__ = ["Reading", "Recipe", "load_recipe", "parse_recipe", "recipe_names"]
