import { z } from 'zod';

const categoryName = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'a category is a name in small letters, digits and _ (it is a variable in `gate`)')
  .refine(
    (name) => !['overall', 'strict', 'modes', 'metrics', 'baseline', 'base'].includes(name),
    'this name has a meaning of its own in `gate`',
  );

export const prompt = z.strictObject({
  id: z.string().min(1),
  category: categoryName,
  prompt: z.string().min(1),
  /** Names of functions, any or all of which the answer must call. */
  expect: z.array(z.string().min(1)).min(1),
  match: z.enum(['any', 'all']).default('any'),
  max_tokens: z.int().min(1).optional(),
});
export type Prompt = z.infer<typeof prompt>;

/** An eval suite, YAML. `wrapper`: the function that an answer is to call, with the expected calls in its code. */
export const suite = z
  .strictObject({
    suite: z.string().min(1),
    system: z.string().optional(),
    wrapper: z.string().min(1).default('execute_code'),
    prompts: z.array(prompt).min(1),
  })
  .superRefine(({ prompts }, context) => {
    const ids = new Set<string>();
    for (const [index, { id }] of prompts.entries()) {
      if (ids.has(id))
        context.addIssue({ code: 'custom', message: 'two prompts have this id', path: ['prompts', index, 'id'] });
      ids.add(id);
    }
  });
export type Suite = z.infer<typeof suite>;

/** One line of answers.jsonl. `response`: the whole chat completion as the server sent it. */
export const answer = z.strictObject({
  prompt: z.string(),
  repeat: z.int().min(0),
  response: z.unknown(),
  error: z.string().nullable(),
  seconds: z.number(),
  attempt: z.int(),
  max_tokens: z.int(),
});
export type Answer = z.infer<typeof answer>;
