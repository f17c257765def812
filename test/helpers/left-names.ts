/** What browsers, file transfers, editors and systems leave beside a config and is named once; as latin1, so that a name may be no UTF-8. */
export const leftNames: readonly string[] = [
  ...['half.yaml.part', 'half.yaml.partial', 'half.yml.crdownload', 'half.yaml.download', 'half.yaml.filepart'],
  ...['half.yaml.opdownload', 'half.yaml.aria2', 'half.yaml.tmp', 'half.yaml.temp', 'half.json.TMP', 'half.yaml.bak'],
  ...['half.yaml.orig', 'half.yaml.sb-1a2b3c4d-XyZ123', 'half.yaml___jb_tmp___', 'half.yaml___jb_old___', 'Icon\r'],
  ...['desktop.ini', 'Thumbs.db', '.night.yaml.icloud', 'lat\xe9.yaml', 'lat\xe9.txt', '43a', 'notes.txt', 'run.sh'],
  ...['half.yaml:Zone.Identifier', 'half.yaml.1', 'half.yaml\n', 'Unconfirmed 12.crdownload', 'half.yaml.7hT2kQ'],
];
