import { createContext, useContext, useMemo } from "react";
import type { ReactNode } from "react";
import type { Category, ItemClass, Taxonomy } from "./api";
import { useI18n } from "./i18n";

const Context = createContext<Taxonomy>({ id: "", version: "", ref: "", categories: [], classes: [] });

export function TaxonomyProvider({ taxonomy, children }: { taxonomy: Taxonomy; children: ReactNode }) {
  return <Context.Provider value={taxonomy}>{children}</Context.Provider>;
}

/** useTaxonomy gives names and colours of categories and item classes, and the
 * advice to residents. */
export function useTaxonomy() {
  const taxonomy = useContext(Context);
  const { text } = useI18n();
  return useMemo(() => {
    const categories = new Map<string, Category>(taxonomy.categories.map((c) => [c.id, c]));
    const classes = new Map<string, ItemClass>(taxonomy.classes.map((c) => [c.id, c]));
    return {
      taxonomy,
      category: (id: string) => text(categories.get(id)?.name, id),
      itemClass: (id: string) => text(classes.get(id)?.name, id),
      advice: (id: string) => text(classes.get(id)?.advice, ""),
      categoryOf: (itemClass: string) => classes.get(itemClass)?.category,
      colour: (id: string) => categories.get(id)?.colour.hex ?? "#64748b",
    };
  }, [taxonomy, text]);
}
