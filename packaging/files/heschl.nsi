; The installer for Windows: for one user, without an administrator. Silent: /S, and /D=FOLDER for another place.
; Made by packaging/windows, which gives VERSION, SOURCE (the staged folder) and OUTPUT.
Target amd64-unicode
ManifestLongPathAware true
ManifestDPIAware true
RequestExecutionLevel user
SetCompressor /SOLID lzma
Name "Heschl"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Heschl"
InstallDirRegKey HKCU "Software\Heschl" "Folder"
Icon "${SOURCE}\heschl.ico"
UninstallIcon "${SOURCE}\heschl.ico"
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "Heschl"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "Heschl: encoding models of speech and fMRI"
VIAddVersionKey "LegalCopyright" "The Heschl developers; MIT or Apache-2.0"

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Heschl"

Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

; A program that runs cannot be replaced: it is asked to close, also by those who install silently.
!macro CloseHeschl un
Function ${un}CloseHeschl
  again:
  IfFileExists "$INSTDIR\heschl.exe" 0 free
  ClearErrors
  FileOpen $0 "$INSTDIR\heschl.exe" a
  IfErrors busy
  FileClose $0
  Goto free
  busy:
  IfSilent 0 +3
  SetErrorLevel 5
  Abort
  MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "Heschl is running. Close its window, wait for its jobs, then retry." IDRETRY again
  Abort
  free:
FunctionEnd
!macroend
!insertmacro CloseHeschl ""
!insertmacro CloseHeschl "un."

Section
  Call CloseHeschl
  SetOutPath "$INSTDIR"
  File /r "${SOURCE}\*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\Heschl.lnk" "$INSTDIR\heschl.exe" "" "$INSTDIR\heschl.ico"
  WriteRegStr HKCU "Software\Heschl" "Folder" "$INSTDIR"
  ; Windows knows files by their ending, and .toml belongs to many: Heschl is offered under "Open with" and nothing more.
  WriteRegStr HKCU "Software\Classes\Applications\heschl.exe\shell\open\command" "" '"$INSTDIR\heschl.exe" open "%1"'
  WriteRegStr HKCU "Software\Classes\Applications\heschl.exe\SupportedTypes" ".toml" ""
  WriteRegStr HKCU "Software\Classes\Directory\shell\Heschl" "" "Open with Heschl"
  WriteRegStr HKCU "Software\Classes\Directory\shell\Heschl" "Icon" "$INSTDIR\heschl.ico"
  WriteRegStr HKCU "Software\Classes\Directory\shell\Heschl\command" "" '"$INSTDIR\heschl.exe" open "%1"'
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Heschl"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Heschl developers"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\heschl.ico"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section "Uninstall"
  Call un.CloseHeschl
  ; By name, so that nothing else that lies in the folder is lost.
  Delete "$INSTDIR\heschl.exe"
  Delete "$INSTDIR\heschl.ico"
  Delete "$INSTDIR\heschl.cdx.json"
  Delete "$INSTDIR\onnxruntime.dll"
  Delete "$INSTDIR\README.md"
  Delete "$INSTDIR\uninstall.exe"
  RMDir /r "$INSTDIR\licences"
  RMDir /r "$INSTDIR\models"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\Heschl.lnk"
  DeleteRegKey HKCU "Software\Heschl"
  DeleteRegKey HKCU "Software\Classes\Applications\heschl.exe"
  DeleteRegKey HKCU "Software\Classes\Directory\shell\Heschl"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
