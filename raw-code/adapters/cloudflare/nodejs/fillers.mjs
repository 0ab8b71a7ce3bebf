// The padding that is read at the start: none, unless the file is written anew with the package.
export default [];
