/** The six questions of the person on call (docs/grafana.md). Each panel's description begins with the one it answers. */
const QUESTIONS = {
  1: 'Who holds the VIP now, and who held it when?',
  2: 'When did it move, and why?',
  3: 'How long were clients in the dark?',
  4: 'Did two nodes hold it at once?',
  5: 'Was the node that took over fit to serve?',
  6: 'What is about to break?',
} as const;

export type Question = keyof typeof QUESTIONS;

export function answers(question: Question, how: string): string {
  return `Question ${question}: ${QUESTIONS[question]}\n\n${how}`;
}

/** What tells whether the answers can be trusted. */
export function backs(how: string): string {
  return `Behind all six questions: does vipwatch see, and does what it sees arrive?\n\n${how}`;
}
