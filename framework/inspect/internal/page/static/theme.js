// The theme that the reader chose, before anything is drawn. Without a choice the system decides.
(() => {
  const names = ["system", "light", "dark"];
  let chosen = "system";
  try {
    chosen = localStorage.getItem("theme") ?? chosen;
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }

  function apply() {
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.textContent = { light: "Light", dark: "Dark" }[chosen] ?? "Theme";
    button.setAttribute("aria-label", `Theme: ${chosen}. Press to change it.`);
  }

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme")?.addEventListener("click", () => {
      chosen = names[(names.indexOf(chosen) + 1) % names.length];
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // As above.
      }
      apply();
    });
  });
})();
