//! The steps of entering a namespace.

/// A step of entering the namespace, in the order of the steps. The child sends
/// the one that failed as one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    /// Enters a mount namespace.
    MountNamespace,
    /// Enters a user namespace, in which an ordinary user may have the former.
    UserNamespace,
    /// Maps the ids of the user and the group in the user namespace.
    Ids,
    /// Makes mounts private, so that they do not spread outside.
    Private,
    /// Binds an entry of `/tmp` into the folder.
    Bind,
    /// Binds the folder over `/tmp`.
    Cover,
    /// Changes to the working directory.
    Directory,
}

impl Step {
    /// All steps; the byte that is sent is an index into them.
    pub(super) const ALL: [Self; 7] = [
        Self::MountNamespace,
        Self::UserNamespace,
        Self::Ids,
        Self::Private,
        Self::Bind,
        Self::Cover,
        Self::Directory,
    ];

    /// Names what the system refuses if this step fails.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::MountNamespace => "a mount namespace",
            Self::UserNamespace => "a user namespace",
            Self::Ids => "its own user in a user namespace",
            Self::Private => "private mounts",
            Self::Bind => "a directory of the real /tmp in its own",
            Self::Cover => "a mount over /tmp",
            Self::Directory => "its working directory under its own /tmp",
        }
    }
}
