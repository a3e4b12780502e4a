import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/ui.css";
import "./style/views.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.js";

const element = document.getElementById("page");
if (element === null) throw new Error("index.html has no #page");
createRoot(element).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
