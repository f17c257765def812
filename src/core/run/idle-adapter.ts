/** Said in the training, in the eval, in the row and at the head of the page. */
export const idleAdapter = 'the adapter changes nothing: what it adds to each layer is zero, so this is the base model';
