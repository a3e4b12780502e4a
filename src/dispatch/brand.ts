/**
 * A `Base` that has been checked: only the function that checks it gives it out. The property exists for the compiler
 * alone. It is no unique symbol, because declaration files could not name that.
 */
export type Branded<Base, Name extends string> = Base & { readonly "~brand": Name };
