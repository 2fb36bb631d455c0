-- A module file for Lmod.
help([[Heschl @VERSION@: encoding models of speech and fMRI. Type "heschl --help".]])
whatis("Name: Heschl")
whatis("Version: @VERSION@")
whatis("Description: encoding models of speech and fMRI")
conflict("heschl")
prepend_path("PATH", "@PREFIX@/bin")
prepend_path("MANPATH", "@PREFIX@/share/man")
prepend_path("XDG_DATA_DIRS", "@PREFIX@/share")
