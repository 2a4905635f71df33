import { validators } from 'tailwind-merge';

const ANY = [validators.isAny];
const SIDES = ['x', 'y', 't', 'r', 'b', 'l'];
const RADII = ['', 'none', 'xs', 'sm', 'md', 'lg', 'xl', 'full'];
const COLOURS = [
  'background', 'card', 'foreground', 'muted', 'muted-foreground', 'border', 'control', 'accent', 'accent-foreground',
  'accent-strong', 'accent-soft', 'success', 'warning', 'danger', 'danger-soft', 'backdrop', 'transparent',
];

/** A group for each of these beginnings, whatever follows. */
function begun(...names: string[]) {
  return Object.fromEntries(names.map((name) => [name, [{ [name]: ANY }]]));
}

/**
 * Which of Tailwind's classes are about the same, as far as a part of the page changes what a component has by itself.
 * Tailwind-merge's own list has all that there are: to read it would hold up the first drawing.
 */
export const CLASS_GROUPS = {
  display: ['block', 'inline-block', 'inline-flex', 'flex', 'grid', 'hidden'],
  position: ['static', 'relative', 'absolute', 'fixed', 'sticky'],
  ...begun('size', 'w', 'h', 'min-w', 'min-h', 'max-w', 'max-h', 'gap', 'gap-x', 'gap-y', 'opacity'),
  ...begun('m', 'p', ...SIDES.flatMap((side) => [`m${side}`, `p${side}`])),
  rounded: [{ rounded: RADII }],
  'rounded-t': [{ 'rounded-t': RADII }],
  weight: [{ font: ['normal', 'medium', 'semibold', 'bold'] }],
  border: [{ border: COLOURS }],
  ground: [{ bg: COLOURS }],
  colour: [{ text: COLOURS }],
};

const sidesOf = (name: string) => ({
  [name]: SIDES.map((side) => name + side),
  [`${name}x`]: [`${name}r`, `${name}l`],
  [`${name}y`]: [`${name}t`, `${name}b`],
});

/** What a class takes back besides those of its own group: `p-4` takes back `px-2`. */
export const WIDER_GROUPS = { size: ['w', 'h'], gap: ['gap-x', 'gap-y'], rounded: ['rounded-t'], ...sidesOf('m'), ...sidesOf('p') };
