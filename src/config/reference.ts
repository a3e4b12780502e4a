import { type SettingGroup, settingFlag, settingKey, settingVariable } from "./setting.js";

/** One setting as the reference page shows it. */
export interface SettingRow {
  readonly heading: string;
  /** With its placeholder, such as `--listen HOST:PORT`. */
  readonly flag: string;
  readonly env: string;
  /** The table and the key, such as `serve.listen`. */
  readonly toml: string;
  /** The unit, or the words to choose from; `""` where a value has neither. */
  readonly unit: string;
  readonly default: string;
  readonly text: string;
}

/** The settings of one group in the order of the table. */
export function settingRows({ table, settings }: SettingGroup): SettingRow[] {
  return Object.entries(settings).map(([property, { kind, heading, defaultText, text }]) => ({
    heading,
    flag: [settingFlag(property), ...(kind.placeholder === undefined ? [] : [kind.placeholder])].join(" "),
    env: settingVariable(property),
    toml: `${table}.${settingKey(property)}`,
    unit: kind.unit,
    default: defaultText,
    text,
  }));
}
