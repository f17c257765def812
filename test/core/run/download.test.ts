import { expect } from 'chai';
import { downloadError } from '../../../src/core/run/download.ts';

describe('downloadError', () => {
  const said = [
    'Fetching org/m',
    'org/m cannot be fetched: 404 Client Error.',
    'For more, see there.',
    'Correct the name.',
  ];

  it('takes what python/download.py says, and its exit code for whether to try again', () => {
    const absent = downloadError(1, said, { source: 'org/m' });
    expect(absent.code).to.equal('MISSING_INPUT');
    expect(absent.message).to.match(
      /: org\/m cannot be fetched: 404 Client Error\. For more, see there\. Correct the name\.$/,
    );
    expect(downloadError(75, said, { source: 'org/m' }).code).to.equal('DOWNLOAD_FAILED');
  });

  it('waits for space on a full disk', () => {
    const tail = [
      "org/m cannot be fetched: [Errno 28] No space left on device: '9 bytes to fetch'",
      'Free some space.',
    ];
    expect(downloadError(75, tail, { source: 'org/m' }).code).to.equal('DISK_FULL');
  });

  it('tries again after an end that was not requested: killed, lost, or a crash of its own', () => {
    expect(downloadError(null, [], { source: 'org/m' }).message).to.match(
      /org\/m: the download was killed from outside$/,
    );
    const crash = downloadError(1, ['Traceback (most recent call last):', 'ValueError: odd'], { source: 'org/m' });
    expect([crash.code, crash.message]).to.eql([
      'DOWNLOAD_FAILED',
      'The model could not be downloaded: org/m: ValueError: odd',
    ]);
    const bar = downloadError(143, ['Fetching 5 files:  20%|██ | 1/5 [00:00<?]'], { source: 'org/m' });
    expect([bar.code, bar.message]).to.eql([
      'DOWNLOAD_FAILED',
      'The model could not be downloaded: org/m: exit code 143',
    ]);
  });
});
