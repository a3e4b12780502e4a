import { getSetting, setSetting, useSetting } from "../settings.js";
import { Icon, type IconName } from "../ui/icon.js";

interface Theme {
  readonly value: string;
  readonly name: string;
  readonly icon: IconName;
}

const asSystem: Theme = { value: "", name: "as the system has it", icon: "system" };
const themes: readonly Theme[] = [
  asSystem,
  { value: "light", name: "light", icon: "sun" },
  { value: "dark", name: "dark", icon: "moon" },
];

export function nextTheme(): void {
  const present = themes.findIndex(({ value }) => value === getSetting("theme"));
  setSetting("theme", themes[(present + 1) % themes.length]?.value ?? "");
}

export function ThemeButton() {
  const [theme] = useSetting("theme");
  const { name, icon } = themes.find(({ value }) => value === theme) ?? asSystem;
  return (
    <button
      type="button"
      className="quiet"
      aria-label={`Colours: ${name}`}
      title={`Colours: ${name} (t)`}
      onClick={nextTheme}
    >
      <Icon name={icon} />
    </button>
  );
}
