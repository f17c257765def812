import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request, RequestAnswer } from '../../events/request.ts';
import { claimWorkspace } from '../../io/claim/ownership.ts';
import { openLogger } from '../../io/workspace/logger.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { submitWithoutUp } from '../../producers/open-inbox.ts';
import { handleRequest } from '../../workers/control/requests.ts';
import type { Notice } from '../../workers/runtime/runtime.ts';
import { openOwner } from './open-runtime.ts';
import { printError } from './output.ts';

/** Handles a request as the owner of the workspace for as long as it takes. Null if another process was faster. */
export async function handleAlone(workspace: Workspace, request: Request): Promise<RequestAnswer | null> {
  await mkdir(workspace.state, { recursive: true });
  const claim = await claimWorkspace(workspace.state, true);
  if (claim.kind === 'taken') return null;
  try {
    const log = openLogger({ folder: join(workspace.state, 'log'), level: 'info', pretty: false });
    if (request.kind === 'submit') return await submitWithoutUp(workspace, log, request);
    const notice = (step: Notice): void => {
      if (step.kind === 'store') printError(`${step.text}\n`);
    };
    const owner = await openOwner({ workspace, log, notice });
    try {
      return { kind: 'outcomes', outcomes: await handleRequest(owner, request, null) };
    } finally {
      await owner.pages.close();
      await owner.notifier.silent();
      await owner.notifier.close();
      await owner.runStore.close();
    }
  } finally {
    await claim.ownership.release();
  }
}
