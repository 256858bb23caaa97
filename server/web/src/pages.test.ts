import { expect, it } from "vitest";
import { codeOf, tidy } from "./ReceiptPage";
import { marks, toPrompts } from "./StationPage";

it("a receipt's code is read as people write it", () => {
  expect(tidy("7k4m 92tx")).toBe("7K4M-92TX");
  expect(tidy("7K4M-92TX and more")).toBe("7K4M-92TX");
  expect(tidy("oil")).toBe("011");
  expect(codeOf("/", "#/samples")).toBeUndefined();
  expect(codeOf("/", "#/receipt")).toBe("");
  expect(codeOf("/receipt/7K4M-92TX", "")).toBe("7K4M-92TX");
  expect(codeOf("/", "#/receipt/7K4M%2092TX")).toBe("7K4M 92TX");
});

it("what a form leaves empty follows the service", () => {
  const empty = { window: "", budget: "", span: "", quiet: "", language: "", volume: "", voice: "" };
  expect(toPrompts(empty)).toEqual({});
  expect(toPrompts({ ...empty, window: "30", budget: "0", quiet: "22:00-06:00\uff0c12:00-13:00", language: "en", volume: "0", voice: "hangzhou" })).toEqual({
    window_seconds: 30, budget: 0, quiet_hours: "22:00-06:00,12:00-13:00", language: "en", volume: 0, voice: "hangzhou",
  });
  expect(toPrompts({ ...empty, quiet: " 无 " }).quiet_hours).toBe("");
});

it("an axis reaches over the largest time in round steps", () => {
  expect(marks(470)).toEqual([100, 200, 300, 400, 500]);
  expect(marks(1)).toEqual([10]);
  expect(marks(4100).at(-1)).toBeGreaterThanOrEqual(4100);
});
