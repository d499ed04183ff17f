// A name or description in the viewer's language, where the bot has given one.

export function localized(item, key, locale) {
  return item[`${key}_localizations`]?.[locale] ?? item[key];
}
