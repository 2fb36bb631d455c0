#%Module1.0
# A module file for Tcl modules.
proc ModulesHelp { } { puts stderr {Heschl @VERSION@: encoding models of speech and fMRI. Type "heschl --help".} }
module-whatis "Heschl @VERSION@: encoding models of speech and fMRI"
conflict heschl
prepend-path PATH "@PREFIX@/bin"
prepend-path MANPATH "@PREFIX@/share/man"
prepend-path XDG_DATA_DIRS "@PREFIX@/share"
