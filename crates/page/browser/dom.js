// Changes only what has changed, so that nothing flickers and selections stay. Text is always text, never markup.

export const at = (id) => document.getElementById(id);

export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** An element with classes, attributes and children; strings become text. */
export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function set(node, attribute, value) {
  if (node.getAttribute(attribute) !== String(value)) node.setAttribute(attribute, value);
}

/** Rows of a list, each kept for as long as its key is there. `create` makes a row, `fill` writes into it. */
export function rows(parent, items, key, create, fill) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const [index, item] of items.entries()) {
    const name = String(key(item, index));
    let node = old.get(name);
    if (node === undefined) {
      node = create(item);
      node.dataset.key = name;
    }
    old.delete(name);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    fill(node, item);
  }
  for (const node of old.values()) node.remove();
}
