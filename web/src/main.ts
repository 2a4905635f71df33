import { askEarly } from './api/early';
import { firstOf } from './app/first';
import './styles.css';

const { asks, load } = firstOf(location);
askEarly(asks);
// The page's own script comes together with what all pages share; where it does not come, the page says so.
void Promise.all([import('./app/start'), load().catch(() => undefined)]).then(([{ start }]) => start());
