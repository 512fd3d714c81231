// Files that a person chose or dropped, each as {path, file}.

// Images chosen one by one count whatever their name; of a folder, only files with the name of an image do.
const isHidden = path => path.split("/").some(part => part.startsWith(".") || part === "__MACOSX");
const isImage = (path, suffixes) => suffixes.some(suffix => path.toLowerCase().endsWith(suffix)) && !isHidden(path);

function ofFolder(items, suffixes) {
  const images = items.filter(item => isImage(item.path, suffixes));
  images.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { images, leftOut: items.length - images.length };
}

/** Images of the two file inputs, and the number of other files that are left out. */
export function chosen(input, suffixes) {
  const items = [...input.files].map(file => ({ path: file.webkitRelativePath || file.name, file }));
  return input.webkitdirectory ? ofFolder(items, suffixes) : { images: items, leftOut: 0 };
}

/** Images of a drop, with those of all folders in it. To be called while the event is handled: it is empty later. */
export async function dropped(transfer, suffixes) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry()).filter(entry => entry);
  const found = { images: [], leftOut: 0 };
  for (const entry of entries) {
    if (entry.isFile) {
      found.images.push({ path: entry.name, file: await fileOf(entry) });
    } else {
      const { images, leftOut } = ofFolder(await inside(entry), suffixes);
      found.images.push(...images);
      found.leftOut += leftOut;
    }
  }
  return found;
}

const fileOf = entry => new Promise((resolve, reject) => entry.file(resolve, reject));

async function inside(folder) {
  const reader = folder.createReader(), items = [];
  for (;;) { // the reader gives at most 100 entries at once
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return items;
    for (const entry of entries) {
      if (entry.isDirectory) items.push(...await inside(entry));
      else items.push({ path: entry.fullPath.replace(/^\//, ""), file: await fileOf(entry) });
    }
  }
}
