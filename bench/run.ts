/* `npm run bench`: what phasebox itself costs a run; `npm run bench -- scale`: what thousands of runs cost. */
await import(process.argv[2] === 'scale' ? './scale.ts' : './chain.ts');
