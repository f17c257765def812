import { Command, Option } from 'commander';
import { packageRoot } from '../../io/host/package-root.ts';
import { logLevels } from '../../io/workspace/logger.ts';

/** `phasebox` with its global options, without commands. */
export const emptyProgram = (): Command =>
  new Command('phasebox')
    .description('Run fine-tuning experiments overnight, and read in the morning which one is better.')
    .version(packageRoot().version)
    .option('--workspace <dir>', 'the folder with inbox, artifacts and phasebox.yaml', '.')
    .addOption(new Option('--log-level <level>', 'what goes to .phasebox/log/').choices(logLevels).default('info'));
